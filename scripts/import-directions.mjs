// An oxlint plugin with one rule: which folder may import what (design: core <- workflows, projections, crdt, conductor
// <- http <- targets <- cli). It resolves each specifier to a folder, which the built-in no-restricted-imports cannot:
// that one compares the text of the specifier, knows no allow-lists and does not see `import("...")` in types.

import { isBuiltin } from "node:module";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * One row per folder of src/. A folder may always import itself; everything that its row does not name is refused.
 * `folders`, `types` (with `import type` only): folders of src/; "." is src/index.ts and its siblings.
 * `packages`, `builtins`: exact names, or `@scope/*`. `anything`: no limit within src/, and computed imports.
 */
const rows = {
  core: { packages: ["@standard-schema/spec", "croner"], builtins: ["node:crypto", "node:buffer"] },
  workflows: { folders: ["core"] },
  projections: { folders: ["core"] },
  crdt: { folders: ["core"] },
  conductor: { folders: ["core"] },
  ".": { folders: ["core", "workflows", "projections", "crdt", "conductor"] },
  http: { folders: ["core", "workflows", "projections", "crdt", "conductor"], packages: ["hono"] },
  jwt: { folders: ["core", "http"], packages: ["jose"] },
  telemetry: { folders: ["core"], packages: ["@opentelemetry/api"] },
  local: { folders: ["core", "http", "telemetry"], packages: ["@hono/node-server", "pino"], builtins: ["node:*"] },
  aws: {
    folders: ["core", "http"],
    packages: ["@aws-sdk/*", "@smithy/*", "@middy/*", "aws-lambda"],
    builtins: ["node:crypto", "node:zlib", "node:util"],
  },
  azure: {
    folders: ["core", "http"],
    packages: ["@azure/*"],
    builtins: ["node:crypto", "node:zlib", "node:util"],
  },
  memory: { folders: ["core", "http"] },
  client: { types: ["core"] },
  testing: { folders: ["core", "memory"], builtins: ["node:assert", "node:assert/strict"] },
  simulation: { folders: ["core", "memory", "testing"] },
  cli: { anything: true },
};

/** Folders that stand for a user's program: they know the package by its public names only. */
const users = ["functions", "examples", "bench", "template"];
const refusedToUsers = ["src", "test", "dist"];

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** `src/core/entity/x.ts` -> `{ top: "src", folder: "core" }`; `src/index.ts` -> `{ top: "src", folder: "." }`. */
function place(path) {
  const [top, ...rest] = relative(root, path).split(sep);
  return { top, folder: rest.length > 1 ? rest[0] : "." };
}

/** `hono/cors` -> `hono`; `@azure/service-bus/x` -> `@azure/service-bus`. */
function packageName(specifier) {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function matches(names = [], name) {
  return names.some((allowed) => (allowed.endsWith("*") ? name.startsWith(allowed.slice(0, -1)) : name === allowed));
}

function list(...names) {
  return names.flat().filter(Boolean).join(", ") || "nothing";
}

/** What is wrong with this import, or undefined. */
function complaint(file, specifier, { typeOnly = false, lazy = false }) {
  const from = place(file);
  const isRelative = specifier.startsWith(".");
  if (isAbsolute(specifier) || /^(file|data|https?):/.test(specifier)) return "Import by a relative path or by a name.";
  const target = isRelative ? place(resolve(dirname(file), specifier)) : undefined;

  if (users.includes(from.top)) {
    if (target && refusedToUsers.includes(target.top)) {
      return `${from.top}/ imports the package by its public names ("holdfast", "holdfast/local"), not from ${target.top}/.`;
    }
    return undefined;
  }

  if (from.top !== "src") return undefined;
  const row = Object.hasOwn(rows, from.folder) ? rows[from.folder] : undefined;
  const name = from.folder === "." ? "src/*.ts" : `src/${from.folder}`;
  if (!row) return `${name} has no row in scripts/import-directions.mjs: say there what it may import.`;

  if (target) {
    if (target.top !== "src") return `Nothing in src/ imports from ${target.top}/.`;
    if (row.anything || target.folder === from.folder || matches(row.folders, target.folder)) return undefined;
    if (matches(row.types, target.folder)) {
      return typeOnly ? undefined : `${name} imports types only from src/${target.folder}: write \`import type\`.`;
    }
    const allowed = list(
      row.folders,
      row.types?.map((folder) => `${folder} (types)`),
    );
    return `${name} may not import src/${target.folder}. Of src/ it may import itself and: ${allowed}.`;
  }
  if (packageName(specifier) === "holdfast") return "Inside src/, import by a relative path.";
  if (row.anything) return undefined;
  if (isBuiltin(specifier)) {
    // The ban on random numbers (.oxlintrc.json, no-restricted-imports) goes by imported names, and here are none.
    if (lazy && specifier === "node:crypto") return "Import from node:crypto by name, not lazily.";
    if (matches(row.builtins, specifier)) return undefined;
    return `${name} may not import ${specifier}. Of Node it may import: ${list(row.builtins)}.`;
  }
  if (matches(row.packages, packageName(specifier))) return undefined;
  return `${name} may not import ${packageName(specifier)}. Of packages it may import: ${list(row.packages)}.`;
}

function create(context) {
  const file = context.physicalFilename ?? context.filename;

  function check(node, source, how = {}) {
    if (!source) return;
    const isLiteral = source.type === "Literal" && typeof source.value === "string";
    const message = isLiteral ? complaint(file, source.value, how) : computed();
    if (message) context.report({ node, message });
  }

  function computed() {
    const from = place(file);
    if (from.top !== "src" || rows[from.folder]?.anything) return undefined;
    return "A computed import cannot be checked: name the module in a string.";
  }

  return {
    ImportDeclaration: (node) => check(node, node.source, { typeOnly: node.importKind === "type" }),
    ExportNamedDeclaration: (node) => check(node, node.source, { typeOnly: node.exportKind === "type" }),
    ExportAllDeclaration: (node) => check(node, node.source, { typeOnly: node.exportKind === "type" }),
    ImportExpression: (node) => check(node, node.source, { lazy: true }),
    TSImportType: (node) => check(node, node.source ?? node.argument, { typeOnly: true }),
  };
}

export default {
  meta: { name: "holdfast" },
  rules: {
    "import-directions": { meta: { type: "problem" }, create },
  },
};
