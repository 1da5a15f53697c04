-- Grain: source row × reason code. A malformed row says nothing else.
with broken as (
    select
        source_row,
        unnest(
            case
                when is_malformed then ['row_malformed']
                else [
                    case when user_key is null and not is_spoilt then 'user_id_missing' end,
                    case when is_spoilt then 'user_id_spoilt' end,
                    case when purchase_date is null then 'purchase_date_invalid' end,
                    case when price is null then 'price_invalid' end,
                    case when price <= 0 then 'price_not_positive' end,
                    case when quantity is null then 'quantity_invalid' end,
                    case
                        when quantity = 0 or quantity < 0 and not parameter.negative_is_return
                        then 'quantity_not_positive'
                    end,
                    case when product is null then 'product_name_missing' end,
                    case when rating is null then 'rating_out_of_range' end,
                    case when age_band is null then 'age_out_of_range' end,
                    case when country_code is null then 'country_unknown' end,
                    case when sign_up_date is null then 'sign_up_date_invalid' end,
                    case when last_login_date is null then 'last_login_invalid' end,
                    case when last_purchase_date is null then 'last_purchase_invalid' end,
                    case when purchase_date < sign_up_date then 'purchase_before_sign_up' end,
                    case
                        when category not in ('Books', 'Clothing', 'Electronics', 'Furniture', 'Grocery')
                            or segment not in ('Frequent Shopper', 'High Value', 'Occasional Shopper')
                            or status not in ('Active', 'Churned')
                        then 'value_not_in_contract'
                    end
                ]
            end
        ) as code
    from typed
    cross join parameter
)

select source_row, code
from broken
where code is not null
