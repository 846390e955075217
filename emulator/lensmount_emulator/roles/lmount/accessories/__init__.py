"""The accessories of the open model: teleconverters, extension tubes and adapters, and their frame relay."""
