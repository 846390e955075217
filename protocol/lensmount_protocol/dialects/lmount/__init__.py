"""The dialect `lmount`: an open model of an L-Mount link, and not the L-Mount protocol."""
