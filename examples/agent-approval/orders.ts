// Stands for what your tools reach: a shop that keeps orders.
interface Order {
  readonly paidEuros: number;
  isRefunded: boolean;
}

const ORDERS = new Map<string, Order>([
  ["7", { paidEuros: 20, isRefunded: false }],
  ["8", { paidEuros: 35, isRefunded: false }],
]);

export function lookUp(orderId: string): Readonly<Order> | undefined {
  const order = ORDERS.get(orderId);
  return order && { ...order };
}

/** A second refund of the same order is refused, whoever approved it. */
export function refund(orderId: string): { refundedEuros: number } {
  const order = ORDERS.get(orderId);
  if (order === undefined) throw new Error(`There is no order ${orderId}`);
  if (order.isRefunded) throw new Error(`Order ${orderId} was refunded already`);
  order.isRefunded = true;
  return { refundedEuros: order.paidEuros };
}
