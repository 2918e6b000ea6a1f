/** The hotel's own systems, in memory: bookings, rates, and a refund service that can be slow. */

/** One booking as the reservation system holds it. */
export interface Booking {
  readonly booking_id: string;
  readonly guest: string;
  readonly room: string;
  readonly rate_code: string;
  readonly arrival: string;
  readonly nights: number;
  readonly total_eur: number;
  readonly paid: boolean;
}

/** What a rate allows. Rates whose code ends in `-NR` give no money back. */
export interface RatePolicy {
  readonly rate_code: string;
  readonly name: string;
  readonly refundable: boolean;
  readonly free_cancellation_hours: number;
  readonly late_cancellation_fee_nights: number;
}

/** A refund the hotel would pay. */
export interface RefundQuote {
  readonly booking_id: string;
  readonly refund_eur: number;
  readonly fee_eur: number;
}

export const BOOKINGS: readonly Booking[] = [
  booking("BK-7102", "Lindqvist", "Sea view double", "FLEX", ["2026-12-18", 3, 540]),
  booking("BK-7741", "Okafor", "Garden twin", "SAVER-NR", ["2026-12-05", 2, 218]),
  booking("BK-7215", "Haddad", "Junior suite", "FLEX", ["2026-11-25", 2, 460]),
  booking("BK-7390", "Novak", "Garden twin", "FLEX", ["2026-11-24", 1, 142]),
  booking("BK-7466", "Brandt", "Sea view double", "FLEX", ["2026-11-28", 4, 720]),
  booking("BK-7518", "Tanaka", "Sea view double", "FLEX", ["2026-12-27", 2, 380]),
  booking("BK-7519", "Tanaka", "Family room", "SEMI-30", ["2027-01-02", 5, 1150]),
  booking("BK-7650", "Silva", "Garden twin", "SAVER-NR", ["2026-12-11", 2, 224]),
];

export const RATES: readonly RatePolicy[] = [
  rate("FLEX", "Flexible rate", true, 48, 1),
  rate("SEMI-30", "Semi-flexible rate", true, 720, 2),
  rate("SAVER-NR", "Saver rate", false, 0, 0),
];

/** Longest wait for the refund service, milliseconds. */
export const REFUND_SERVICE_TIMEOUT_MS = 250;

/** The refund service did not answer in time. */
export class ToolTimeoutError extends Error {
  override readonly name = "ToolTimeoutError";
}

/** Finds a guest's bookings by name or booking number; an empty list when there is none. */
export async function searchBookings(query: {
  readonly guest?: string;
  readonly booking_id?: string;
}): Promise<readonly Booking[]> {
  await pause(12);
  return BOOKINGS.filter(
    (item) =>
      item.booking_id === query.booking_id ||
      (query.guest !== undefined && item.guest.toLowerCase() === query.guest.toLowerCase()),
  );
}

/** The policy of a rate. */
export async function getRatePolicy(query: { readonly rate_code: string }): Promise<RatePolicy> {
  await pause(8);
  const found = RATES.find((item) => item.rate_code === query.rate_code);
  if (found === undefined) throw new RangeError(`there is no rate ${query.rate_code}`);
  return found;
}

/**
 * What would be paid back for a booking cancelled some hours before arrival.
 * @throws ToolTimeoutError when the refund service is slow (in this example: for stays of four nights).
 */
export async function refundQuote(query: {
  readonly booking_id: string;
  readonly hours_before_arrival: number;
}): Promise<RefundQuote> {
  const found = BOOKINGS.find((item) => item.booking_id === query.booking_id);
  if (found === undefined) throw new RangeError(`there is no booking ${query.booking_id}`);
  const policy = await getRatePolicy(found);
  if (found.nights === 4) {
    await pause(REFUND_SERVICE_TIMEOUT_MS);
    throw new ToolTimeoutError(`the refund service did not answer within ${REFUND_SERVICE_TIMEOUT_MS} ms`);
  }
  const perNight = found.total_eur / found.nights;
  const late = query.hours_before_arrival < policy.free_cancellation_hours;
  const fee = !policy.refundable
    ? found.total_eur
    : late
      ? perNight * policy.late_cancellation_fee_nights
      : 0;
  return { booking_id: found.booking_id, refund_eur: found.total_eur - fee, fee_eur: fee };
}

/** Waits like a service on the network would. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function booking(
  id: string,
  guest: string,
  room: string,
  rateCode: string,
  [arrival, nights, total]: readonly [string, number, number],
): Booking {
  return { booking_id: id, guest, room, rate_code: rateCode, arrival, nights, total_eur: total, paid: true };
}

function rate(
  code: string,
  name: string,
  refundable: boolean,
  freeHours: number,
  feeNights: number,
): RatePolicy {
  return {
    rate_code: code,
    name,
    refundable,
    free_cancellation_hours: freeHours,
    late_cancellation_fee_nights: feeNights,
  };
}
