"""The rooms of the app, one screen a file beside its style sheet."""
