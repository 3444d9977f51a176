#include "later.h"

#include <exception>
#include <memory>

#include "error.h"

namespace ms {
namespace {

struct Waiting {
  napi_deferred promise;
  std::function<napi_value(napi_env)> result;
  std::exception_ptr failure;
  bool ran = false;
};

napi_threadsafe_function arrival = nullptr;
std::size_t underWay = 0;

void deliver(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Waiting> waiting(static_cast<Waiting*>(data));
  if (!env) return;
  try {
    if (waiting->failure) std::rethrow_exception(waiting->failure);
    rethrowFailure();
    if (!waiting->ran) fail("an earlier command failed");
    napi_resolve_deferred(env, waiting->promise, waiting->result(env));
  } catch (const std::exception& error) {
    napi_value text, failure;
    napi_create_string_utf8(env, (std::string("onednn: ") + error.what()).c_str(), NAPI_AUTO_LENGTH, &text);
    napi_create_error(env, nullptr, text, &failure);
    napi_reject_deferred(env, waiting->promise, failure);
  }
  if (--underWay == 0) napi_unref_threadsafe_function(env, arrival);
}

/** Hands over at the end of the command's life: also where it was left out because an earlier one had failed. */
struct HandOver {
  Waiting* waiting;
  explicit HandOver(Waiting* what) : waiting(what) {}
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;
  ~HandOver() { napi_call_threadsafe_function(arrival, waiting, napi_tsfn_nonblocking); }
};

}  // namespace

void startLater(napi_env env) {
  napi_value name;
  napi_create_string_utf8(env, "ms-rnn engine", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, deliver, &arrival);
  napi_unref_threadsafe_function(env, arrival);
}

napi_value later(napi_env env, const std::vector<Buffer>& reads, const std::vector<Buffer>& writes, Run run,
                 std::function<napi_value(napi_env)> result) {
  napi_value promise;
  Waiting* waiting = new Waiting{nullptr, std::move(result), nullptr};
  napi_create_promise(env, &waiting->promise, &promise);
  if (underWay++ == 0) napi_ref_threadsafe_function(env, arrival);
  submit(reads, writes, [waiting, run = std::move(run), hand = std::make_shared<HandOver>(waiting)](float* const* at) {
    waiting->ran = true;
    try {
      run(at);
    } catch (...) {
      waiting->failure = std::current_exception();
    }
  });
  return promise;
}

}  // namespace ms
