import { Tensor } from "@tensorflow/tfjs";
import { DISPLAY, type MimeBundle } from "./mime";

const most = 8;

const entry = (value: unknown) => {
  if (typeof value !== "number") return JSON.stringify(value);
  if (!Number.isFinite(value)) return String(value);
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(5)));
};

/** One line about a tensor: type, shape, the first eight values. "float32 [2, 3]: 0, 0.5, 1, ..." */
export async function describeTensor(tensor: Tensor): Promise<string> {
  const head = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
  if (tensor.isDisposed) return `${head}, disposed`;
  const values = Array.from(tensor.size ? await tensor.data() : [], (value: unknown) => value);
  if (tensor.dtype === "complex64") return head;
  const first = values.slice(0, most).map((value) => entry(tensor.dtype === "bool" ? Boolean(value) : value));
  return values.length ? `${head}: ${first.join(", ")}${tensor.size > most ? ", ..." : ""}` : head;
}

/** A tensor that is the last value of a cell shows one line instead of its inner workings. */
export function installTensorDisplay(): void {
  Object.defineProperty(Tensor.prototype, DISPLAY, {
    configurable: true,
    writable: true,
    async value(this: Tensor): Promise<MimeBundle> {
      return { "text/plain": await describeTensor(this) };
    },
  });
}

installTensorDisplay();
