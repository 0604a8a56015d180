from trouper.system.cli import main

raise SystemExit(main())
