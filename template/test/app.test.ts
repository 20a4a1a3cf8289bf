import { systemPrincipal } from "holdfast";
import { createTestApp, given } from "holdfast/testing";
import { expect, test } from "vitest";
import app from "../functions/app.ts";
import { order } from "../src/order.ts";

const anchors = { product: "anchor", quantity: 2 };

test("an order is placed once", () => {
  given(order)
    .when("place", anchors)
    .then([{ type: "placed", data: anchors }]);
  given(order, { type: "placed", data: anchors }).when("place", anchors).then({ rejected: "order-exists" });
});

test("what is ordered is sold, once for each key", async () => {
  const run = createTestApp(app);
  await run.call(order, "o-1", { key: "first" }).place(anchors);
  await run.call(order, "o-1", { key: "first" }).place(anchors);
  await run.call(order, "o-2").place(anchors);
  await run.delivered();
  const anchor = { entity: "product", id: "anchor", principal: systemPrincipal };
  expect((await run.view(anchor)).view).toEqual({ sold: 4 });
  await run.close();
});
