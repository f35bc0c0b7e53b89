#include "live.h"
RW_EXPORT const rw_target *rw_model_get(void) { return rw_target_get(); }
RW_EXPORT int64_t rw_conform_run(const rw_target *target, const rw_param *params, int32_t param_cnt, const rw_op *ops, int32_t op_cnt, int64_t *out, int64_t max, int64_t *record_len, char *err, int64_t err_len) { (void)target;(void)params;(void)param_cnt;(void)ops;(void)op_cnt;(void)out;(void)max;(void)record_len;(void)err;(void)err_len; return -1; }
RW_EXPORT void rw_conform_name(int64_t i, int64_t handles, char *out, int64_t out_len) {(void)i;(void)handles;(void)out;(void)out_len;}
