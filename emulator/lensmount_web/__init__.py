"""The page and its server: sessions in the browser, on loopback only; needs the extra `web`."""
