import { remark } from "./command";

/** Tells every two seconds how far the decoding of frames is, which the first use of a data set can wait for. */
export function tellPreparing(): (recordings: number, frames: number) => void {
  let last = Date.now();
  return (recordings, frames) => {
    if (Date.now() - last < 2000) return;
    last = Date.now();
    remark(`prepared ${frames} frames of ${recordings + 1} recordings`);
  };
}
