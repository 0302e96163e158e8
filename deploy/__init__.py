"""Everything that runs the services together: supervisor, demonstration, fake servers, images."""
