import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

test("the code of docs/guide/reservations.md is what is tested", async () => {
  const page = await readFile(new URL("../../docs/guide/reservations.md", import.meta.url), "utf8");
  const code = await readFile(new URL("reservations-app.ts", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text]) => text);
  expect(blocks).toEqual([code]);
});
