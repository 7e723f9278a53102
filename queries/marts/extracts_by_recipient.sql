-- What other departments were given of the certificates and trainings they are responsible for (评价认定信息共享).
-- grain: one recipient, year with a delivery
-- counts deliveries: extracts
SELECT
    recipient,             -- the department
    year,                  -- the year of the delivery, in Asia/Shanghai
    count(*) AS deliveries, -- extracts delivered
    CAST(sum(row_count) AS BIGINT) AS rows_delivered -- rows in them
FROM extracts
GROUP BY recipient, year
ORDER BY recipient, year
