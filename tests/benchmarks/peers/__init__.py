"""What we are compared with: one library a file, each as its own documentation would have it used."""
