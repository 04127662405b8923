"""Template tags of the console: icons, dates, states, reasons."""
