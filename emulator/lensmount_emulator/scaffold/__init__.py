"""Scaffolds: complete packages, profiles and test repositories that `lensmount new` writes."""
