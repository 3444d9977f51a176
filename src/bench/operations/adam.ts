import * as tf from "@tensorflow/tfjs";
import { adamRates, adamUpdate } from "../../train/optimizer";
import { type Operation, sizeOf, uniform } from "./operation";

/** One Adam step of one weight: reads weight, gradient and two moments, writes three of them. */
export function adam(shape: readonly number[]): Operation {
  return {
    name: `Adam, ${sizeOf(shape)} entries`,
    kind: "adam",
    inputs: [shape],
    bytes: { forward: 4 * 7 * sizeOf(shape) },
    prepare() {
      const gradient = uniform(shape, "gradient");
      const slot = { weight: uniform(shape, "weight"), first: tf.zerosLike(gradient), second: tf.zerosLike(gradient) };
      const rates = tf.tensor1d(adamRates(3e-4, 1));
      const step = () => {
        const { weight, first, second } = adamUpdate(slot, gradient, rates);
        return [weight, first, second];
      };
      return { inputs: [slot.weight], passes: { forward: step } };
    },
  };
}
