"""`python -m edge` is `nilm-edge`."""

import sys

from edge.cli import main

sys.exit(main())
