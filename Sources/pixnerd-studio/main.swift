import PixNerdCommands

PixNerdCommand.main(studio: StudioServer())
