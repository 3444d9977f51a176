import * as tf from "@tensorflow/tfjs";

/**
 * A function's value and its gradients for all tensors it is given; zeros where it does not depend on one, for which
 * `tf.valueAndGrads` throws.
 */
export function valueAndGradients(
  f: (...xs: tf.Tensor[]) => tf.Scalar,
  xs: readonly tf.Tensor[],
): { value: tf.Scalar; gradients: tf.Tensor[] } {
  return tf.tidy(() => {
    const given = [...xs];
    const { value, grads } = tf.engine().gradients(() => f(...given), given, undefined, true);
    const gradients = grads.map((gradient, i) => gradient ?? tf.zerosLike(given[i]));
    return { value, gradients } as unknown as tf.TensorContainerObject;
  }) as unknown as { value: tf.Scalar; gradients: tf.Tensor[] };
}
