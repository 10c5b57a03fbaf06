// Turns the TypeScript of the seed into JavaScript that any Node from 20 on runs.
const { readFileSync, writeFileSync } = require("node:fs");
const { transpileModule } = require("typescript");

const [source, target] = process.argv.slice(2);
const compilerOptions = { target: "ES2022", module: "ESNext" };
writeFileSync(target, transpileModule(readFileSync(source, "utf8"), { compilerOptions }).outputText);
