"""Drawing shared by synthetic scenes and triggers: shapes, textures, noise fields, text."""
