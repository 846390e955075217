// Writes the licences of what the page holds at run time beside it.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const names = Object.entries(lock.packages)
  .filter(([path, one]) => path.startsWith("node_modules/") && !one.dev && !one.optional)
  .map(([path]) => path.slice("node_modules/".length));
const parts = names.map((name) => {
  const folder = `node_modules/${name}`;
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : `Licence: ${about.license}`;
  return `${name} ${about.version} (${about.license})\n\n${text}\n`;
});
writeFileSync(process.argv[2], parts.join("\n----\n\n"));
