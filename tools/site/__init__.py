"""The site of the documentation: the pages as they are in the project, searchable, without anything from elsewhere."""
