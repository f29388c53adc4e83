"""`python -m graphnn.cli` is `graphnn`."""

import sys

from graphnn.cli.run import main

sys.exit(main())
