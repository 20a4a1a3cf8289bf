// Runs before `npm start` and `npm test`. Kept to syntax that Node 14 can parse, so that an old Node sees the message.
// The package itself runs on Node 22.13; running its TypeScript sources needs type stripping without a flag.
const [major, minor] = process.versions.node.split(".").map(Number);
const enough = (major === 22 && minor >= 18) || (major === 23 && minor >= 6) || major >= 24;

if (!enough) {
  console.error(
    [
      "Holdfast's sources need Node 22.18 or newer, and this is Node " +
        process.versions.node +
        " (" +
        process.execPath +
        ").",
      "Run `npm ci` without --ignore-scripts: it installs Node 24 into node_modules, and npm scripts then use that one.",
    ].join("\n"),
  );
  process.exit(1);
}
