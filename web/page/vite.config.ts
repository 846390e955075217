import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../../emulator/lensmount_web/static",
    emptyOutDir: true,
    assetsDir: "assets",
    modulePreload: { polyfill: false },
    target: "es2022",
    cssCodeSplit: false,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [
    {
      name: "licences",
      writeBundle(options) {
        execFileSync(process.execPath, ["licenses.mjs", resolve(options.dir!, "LICENSES.txt")]);
      },
    },
  ],
});
