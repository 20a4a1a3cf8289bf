/** What to try first, to copy and paste. */
export function welcome(url: string): string {
  return `
In another terminal, put something into a cart, twice:

  curl -i ${url}/api/cart/u1/addItem -H 'Content-Type: application/json' -H 'Idempotency-Key: order-314' \\
    -d '{"productId":"A-1","name":"Anchor","quantity":2}'

The second answer says Idempotency-Replayed: true, and the cart holds two anchors, not four:

  curl ${url}/api/cart/u1

Kill this process (kill -9 ${process.pid}), npm start again, and send the same command once more: still two.
Then check out, and see what becomes of it; the payment fails twice before it works:

  curl -i ${url}/api/cart/u1/checkout -H 'Content-Type: application/json' -d '{"country":"AT"}'
  curl ${url}/api/order/u1

An order with the product "unpayable" is never paid, and cancelled in the end. Products are imported from a queue:

  npm run holdfast -- send imports '{"id":"A-1","name":"Anchor","price":49.9}'

What happened is in npm run holdfast -- events order u1, what else there is in ${url}/openapi.json

`;
}
