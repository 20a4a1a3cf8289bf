// Runs before the npm scripts that run TypeScript. Kept to syntax that Node 14 can parse, so that an old Node sees the
// message. The package itself needs less (package.json, engines): its build is JavaScript.
if (!process.features.typescript) {
  console.error(
    [
      "Holdfast's sources are TypeScript, which Node " +
        process.versions.node +
        " (" +
        process.execPath +
        ") does not run by itself.",
      "Run `npm ci` without --ignore-scripts: it installs a Node that does into node_modules, and npm scripts use that.",
    ].join("\n"),
  );
  process.exit(1);
}
