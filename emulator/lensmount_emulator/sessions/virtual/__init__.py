"""Parts of a virtual session: its devices, its pace, and the steps that it takes while it runs."""
