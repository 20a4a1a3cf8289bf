import { whyNoDynamo } from "@holdfast/dynamodb-emulator";
import { runProgram } from "../cloud/program.ts";
import { capacity } from "./capacity.ts";
import { warm } from "./commands.ts";
import { hot } from "./hot.ts";

await runProgram({
  script: "bench:aws",
  about: "Measures Holdfast on DynamoDB against hand-written requests to the same emulator",
  quick: "under half a minute",
  benchmarks: [...warm, hot, capacity],
  missing: whyNoDynamo,
  remark: "DynamoDB emulator, in a process of its own",
});
