<?php
// Reads forms from standard input, each base64 on a line of its own, and
// answers each with what Paddle signs of it: sorted, serialized, in base64. A form
// whose names have no one order, because PHP's comparison contradicts itself, is
// answered with "none".
error_reporting(0);

function hasOrder(array $keys): bool
{
    for ($i = 0; $i < count($keys); $i++) {
        $equal = true; // all from $i to $j
        for ($j = $i + 1; $j < count($keys); $j++) {
            $equal = $equal && ($keys[$j - 1] <=> $keys[$j]) === 0;
            $order = $keys[$i] <=> $keys[$j];
            if ($order > 0 || ($order === 0) !== $equal) {
                return false;
            }
        }
    }
    return true;
}

while (($line = fgets(STDIN)) !== false) {
    parse_str(base64_decode($line), $fields);
    ksort($fields);

    if (!hasOrder(array_keys($fields))) {
        echo "none\n";
        continue;
    }

    foreach ($fields as $name => $value) {
        if (!in_array(gettype($value), ['object', 'array'])) {
            $fields[$name] = "$value";
        }
    }

    echo base64_encode(serialize($fields)), "\n";
}
