define(`step', `ifelse(eval($1 >= $2), 1, `', `eval(($1 * 7919 + 13) % 10007) translit(`word$1', `a-z0-9', `b-za0-9') step(incr($1), $2)')')dnl
define(`rounds', `ifelse($1, 0, `', `step(0, 120)
rounds(decr($1))')')dnl
rounds(60)
