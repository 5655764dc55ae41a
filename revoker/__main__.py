"""Run the command line: `python -m revoker`."""

from revoker.cli.app import main

if __name__ == "__main__":
    main()
