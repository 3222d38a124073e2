// The DECIMAL types that arithmetic gives, as in Flink's LogicalTypeMerging: more than 38 digits are cut
// to 38, at the cost of the scale, of which at least 6 digits stay.
#pragma once

#include "data/type.h"

namespace millrace {

// An exact number's type as DECIMAL: BIGINT is DECIMAL(19, 0).
SqlType DecimalOf(const SqlType& type);
SqlType SumType(const SqlType& a, const SqlType& b);
SqlType ProductType(const SqlType& a, const SqlType& b);
SqlType QuotientType(const SqlType& a, const SqlType& b);
SqlType ModuloType(const SqlType& a, const SqlType& b);
// Of ROUND(decimal, places).
SqlType RoundType(const SqlType& type, int places);

}  // namespace millrace
