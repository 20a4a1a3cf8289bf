import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { serve } from "holdfast/local";
import app from "../../examples/shop/app.ts";
import { fill } from "../copies.ts";
import { filledJournal } from "../journal.ts";
import { cartId, cartOf, cartsCount, usedCommands, warmUp } from "../workload.ts";
import { answerParent } from "./answer.ts";

/** The shop as `holdfast/local` serves it, with carts that have been used. */
const data = join(process.argv[2] ?? "", "holdfast-http");
mkdirSync(data, { recursive: true });

async function listen(): Promise<{ readonly port: number }> {
  const journal = await filledJournal(join(data, "holdfast.db"), (journal) =>
    fill(journal, { count: cartsCount, commands: usedCommands, id: cartId }),
  );
  await journal.close();
  const { port, runtime } = await serve(app, { port: 0, data, signals: false });
  await warmUp(runtime, cartOf);
  return { port };
}

answerParent(listen);
