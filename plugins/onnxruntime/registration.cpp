// RegisterCustomOps: what ONNX Runtime calls in a library that is given to SessionOptions.register_custom_ops_library.
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../cpu/instruction_sets.h"
#include "op.h"

namespace fwht {
namespace ort {
namespace {

// The minor version of "1.17.3"; all of a later major version are newer.
int minor_version(const char* text) {
    char* end = nullptr;
    const long major = std::strtol(text, &end, 10);
    if (major > 1) {
        return INT32_MAX;
    }
    return major == 1 && *end == '.' ? static_cast<int>(std::strtol(end + 1, nullptr, 10)) : 0;
}

// All ops and their domain, which belong to the runtime that made it and must live as long as any session.
struct Domain {
    Domain(const ApiTable* its_table, Api its_api)
        : table(its_table),
          api(its_api),
          ops{{kFwhtLayerOp, its_api},
              {kFwhtLayerAddOp, its_api},
              {kMfDepthwiseConvOp, its_api},
              {kFwht2dOp, its_api},
              {kFwhtBottleneckOp, its_api},
              {kFwhtBottleneckTimedOp, its_api}} {}

    Status* make() {
        Status* status = api.create_domain("fwht", &domain);
        for (const RegisteredOp& op : ops) {
            if (status == nullptr) {
                status = api.add_op(domain, &op);
            }
        }
        return status;
    }

    const ApiTable* const table;
    const Api api;
    const RegisteredOp ops[6];
    OpDomain* domain = nullptr;
};

// One domain for all sessions; a second runtime in the process gets its own.
Status* add_domain(const ApiTable* table, int version, SessionOptions* options) {
    static std::mutex mutex;
    static std::vector<std::unique_ptr<Domain>> domains;
    const std::lock_guard<std::mutex> lock(mutex);
    for (const auto& each : domains) {
        if (each->table == table) {
            return Api(table).add_domain(options, each->domain);
        }
    }
    std::unique_ptr<Domain> made(new Domain(table, Api(table, version)));
    Status* status = made->make();
    if (status == nullptr) {
        domains.push_back(std::move(made));
        status = Api(table).add_domain(options, domains.back()->domain);
    }
    return status;
}

}  // namespace
}  // namespace ort
}  // namespace fwht

extern "C" __attribute__((visibility("default"))) fwht::ort::Status* RegisterCustomOps(
    fwht::ort::SessionOptions* options, const fwht::ort::ApiBase* base) {
    using namespace fwht;
    const char* text = base->get_version();
    const int version = ort::minor_version(text);
    if (version < static_cast<int>(ort::kApiVersion)) {
        const std::string words = std::string("the CPU kernels need ONNX Runtime 1.17 or newer, this is ") + text +
                                  ": update it, or go without them";
        return ort::Api(base->get_api(1)).create_status(ort::kFail, words.c_str());
    }
    const ort::ApiTable* table = base->get_api(ort::kApiVersion);
    if (chosen_kernels().kernels == nullptr) {
        return ort::Api(table).create_status(ort::kInvalidArgument, chosen_kernels().refusal);
    }
    return ort::add_domain(table, version, options);
}
