"""What is raced: one file per race, each a value SUITE found through the entry-point group `racewash.suites`."""
