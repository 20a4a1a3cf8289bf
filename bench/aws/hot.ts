import { createRuntime } from "holdfast";
import { createDynamoJournal } from "holdfast/aws/dynamodb";
import app from "../../examples/shop/app.ts";
import { measureHot } from "../cloud/hot.ts";
import type { Benchmark } from "../harness.ts";
import { getAndPut } from "./by-hand.ts";
import { openDynamo, system } from "./dynamo.ts";

/** Sixteen callers, one cart. */
export const hot: Benchmark = {
  name: "hot",
  async run(bench) {
    const dynamo = await bench.shared(openDynamo);
    const table = await dynamo.table("hot");
    const handlers = { client: dynamo.client(), table };
    const runtime = createRuntime(app, {
      journal: createDynamoJournal({ client: dynamo.client(), table, system }),
      system,
    });
    const rows = await measureHot(bench, {
      runtime,
      how: "get + put",
      byHand: (baseMs, change) => getAndPut(handlers, "hot", baseMs, change),
    });
    await runtime.close();
    return rows;
  },
};
