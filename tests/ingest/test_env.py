"""`.env` files: quotes, exports, comments, several lines, and what is no secret."""

from __future__ import annotations

import io
import random

from revoker.ingest import Problems, read_report
from tests.ingest import samples

RNG = random.Random(11)  # noqa: S311 - fake values


def read(text: str) -> tuple[dict[str, str | None], Problems]:
    problems = Problems()
    found = read_report(io.BytesIO(text.encode()), name=".env", format="env", problems=problems)
    return {f.rule: f.value.reveal() if f.value else None for f in found}, problems


def test_quotes_exports_and_comments() -> None:
    one, two, three, four = (samples.value("groq_api_key", RNG) for _ in range(4))
    found, problems = read(
        f"export ONE='{one}'  # the first\nTWO=\"{two}\"\n  THREE = {three} # not part\n#FIVE={one}\nfour: {four}\r\nNO LINE\n"
    )
    assert found == {"ONE": one, "TWO": two, "THREE": three, "four": four}
    assert not problems.counts


def test_values_over_several_lines() -> None:
    body = "-----BEGIN X KEY-----\nline one\n\nline # two = 3\n-----END X KEY-----"
    after = samples.value("groq_api_key", RNG)
    found, problems = read(f'A_KEY="{body}"\nB={after}\nC_KEY="{body.replace(chr(10), chr(92) + "n")}"\n')
    assert found == {"A_KEY": body, "B": after, "C_KEY": body}
    assert not problems.counts


def test_a_hash_and_a_quote_inside_a_value_stay() -> None:
    found, _ = read('PASSWORD="a#b\\"c \\\\ d"\nTOKEN=abc#def\nDB_PASSWORD=\'it"s # in\'\n')
    assert found == {"PASSWORD": 'a#b"c \\ d', "TOKEN": "abc#def", "DB_PASSWORD": 'it"s # in'}


def test_an_unclosed_quote_loses_nothing_that_follows() -> None:
    value = samples.value("groq_api_key", RNG)
    found, problems = read(f'BROKEN_KEY="half a value\nOTHER={value}\n')
    assert found == {"BROKEN_KEY": "half a value", "OTHER": value}
    assert problems.incomplete
    assert problems.counts == {"unclosed_quote": 1}


def test_what_is_no_secret_is_left_out() -> None:
    found, _ = read("PORT=8080\nDEBUG=true\nHOST=db.example\nEMPTY=\nLOG_LEVEL=information\nAPI_URL=https://api.example/v1\n")
    assert not found


def test_a_login_in_a_url_counts() -> None:
    login = "u:" + "hunter22@"
    found, _ = read(f"CACHE=redis://{login}cache.example:6379/0\nDB=postgresql://{login}db.example/x\n")
    assert set(found) == {"CACHE", "DB"}


def test_an_ini_file_of_aws_profiles_reads_like_env() -> None:
    key_id, secret = samples.aws_pair(RNG)
    text = f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\nregion = eu-central-1\n"
    found, _ = read(text)
    assert found == {"aws_access_key_id": key_id, "aws_secret_access_key": secret}


def test_unclosed_quotes_in_a_long_file_lose_nothing() -> None:
    block = "".join(f"KEY_{{0}}_{n}=something\n" for n in range(600))
    text = "".join(f'KEY_{n}="never closed\n{block.format(n)}' for n in range(5))
    found, problems = read(text)
    assert len(found) == 5 * 601
    assert problems.counts == {"unclosed_quote": 5}
