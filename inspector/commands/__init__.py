"""The subcommands of `inspector`, a file each: arguments in, one call into the package, words or JSON out."""
