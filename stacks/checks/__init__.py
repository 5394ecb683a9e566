"""Rules that the settings of a stage must keep, each a list of lines that say what is wrong."""
