/** What to try first, to copy and paste. */
export function welcome(url: string): string {
  return `
The shop is open at ${url}. In another terminal, put something into a cart, twice:

  curl -i ${url}/api/cart/u1/addItem -H 'Content-Type: application/json' -H 'Idempotency-Key: order-314' \\
    -d '{"productId":"A-1","name":"Anchor","quantity":2}'

The second answer says Idempotency-Replayed: true, and the cart holds two anchors, not four:

  curl ${url}/api/cart/u1

Kill this process (kill -9 ${process.pid}), npm start again, and send the same command once more: still two.
What happened is in npm run holdfast -- events cart u1, what else there is in ${url}/openapi.json
`;
}
