import PixNerdCommands

PixNerdCommand.main()
