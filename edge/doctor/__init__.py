"""`nilm-edge doctor`: one file per kind of thing that is looked at, and one that asks them all."""
