"""What people and programs read: one file a format over one collected picture."""
