import { CounterfoilError } from "../../schema/index.js";

/** Made once: taking a stack for each refusal would cost more than everything else about it. */
const DRAINING = new CounterfoilError(
  "CF_DRAINING",
  "The collector is shutting down. Send the request again later.",
  { retryable: true },
);
const OVERLOADED = new CounterfoilError(
  "CF_OVERLOADED",
  "Too many bytes of requests are waiting for the disk. Send the request again later.",
  { retryable: true },
);

/** The collector takes no new requests. */
export function draining(): CounterfoilError {
  return DRAINING;
}

/** No room for this request, or for the rest of its body. */
export function overloaded(): CounterfoilError {
  return OVERLOADED;
}

/** A body beyond the cap. */
export function tooLarge(bytesMax: number): CounterfoilError {
  return new CounterfoilError(
    "CF_BODY_TOO_LARGE",
    `The request is larger than ${bytesMax} bytes. Send smaller batches, or raise max_request_body_size.`,
  );
}
