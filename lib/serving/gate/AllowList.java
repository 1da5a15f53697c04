package lakehouse.gate;

import java.util.Locale;
import java.util.Set;
import org.apache.spark.sql.catalyst.analysis.UnresolvedFunction;
import org.apache.spark.sql.catalyst.analysis.UnresolvedNamespace;
import org.apache.spark.sql.catalyst.analysis.UnresolvedRelation;
import org.apache.spark.sql.catalyst.analysis.UnresolvedTableOrView;
import org.apache.spark.sql.catalyst.plans.logical.DescribeRelation;
import org.apache.spark.sql.catalyst.plans.logical.UnresolvedWith;
import org.apache.spark.sql.catalyst.trees.TreeNode;
import org.apache.spark.sql.execution.command.SetNamespaceCommand;
import org.apache.spark.sql.types.DataType;
import scala.Option;
import scala.Product;
import scala.collection.Iterator;
import scala.collection.immutable.Seq;

/**
 * The allowed parts of a statement: everything that is not named here is refused, also unforeseen parts. The check
 * covers every part of every node in the parser's tree, before any name has been looked up.
 */
final class AllowList {
  private static final int DEEPEST = 200;
  private static final int LARGEST = 20_000;

  private static final Set<String> COMMANDS =
      words(
          "SetCatalogAndNamespace SetNamespaceCommand UnresolvedNamespace ShowNamespaces ShowNamespacesCommand"
              + " ShowTables ShowTablesCommand ShowViews ShowViewsCommand ShowColumns ShowColumnsCommand"
              + " DescribeRelation UnresolvedTableOrView");

  private static final Set<String> QUERIES =
      words(
          "Project Filter Aggregate Sort GlobalLimit LocalLimit Offset Distinct Join Union Except Intersect"
              + " SubqueryAlias UnresolvedSubqueryColumnAliases UnresolvedWith UnresolvedHaving UnresolvedRelation"
              + " OneRowRelation UnresolvedInlineTable WithWindowDefinition Pivot LimitAll");

  private static final Set<String> EXPRESSIONS =
      words(
          "Alias AttributeReference UnresolvedAlias UnresolvedAttribute UnresolvedStar UnresolvedOrdinal UnresolvedFunction Literal Cast"
              + " And Or Not EqualTo EqualNullSafe LessThan LessThanOrEqual GreaterThan GreaterThanOrEqual Between In"
              + " InSubquery ListQuery ScalarSubquery Exists IsNull IsNotNull CaseWhen Add Subtract Multiply Divide"
              + " IntegralDivide Remainder UnaryMinus UnaryPositive Like ILike LikeAny LikeAll NotLikeAny"
              + " NotLikeAll RLike Lower SortOrder Concat Substring StringLocate Overlay Trim StringTrim"
              + " StringTrimLeft StringTrimRight CurrentDate CurrentTimestamp CurrentUser TimestampAdd TimestampDiff"
              + " WindowExpression UnresolvedWindowExpression WindowSpecDefinition WindowSpecReference"
              + " SpecifiedWindowFrame UnspecifiedFrame UnboundedPreceding UnboundedFollowing CurrentRow"
              + " GroupingSets Cube Rollup AggregateExpression First Last AnyValue CreateNamedStruct"
              + " UnresolvedStarExceptOrReplace BitwiseAnd BitwiseOr BitwiseXor BitwiseNot ShiftLeft ShiftRight");

  // Values that a node holds beside other nodes.
  private static final Set<String> PARTS =
      words(
          "Inner LeftOuter RightOuter FullOuter LeftSemi LeftAnti Cross UsingJoin NaturalJoin Ascending Descending"
              + " NullsFirst NullsLast RowFrame RangeFrame JoinHint AliasIdentifier ExprId NumericEvalContext EvalMode"
              + " Val UTF8String Decimal CalendarInterval ClearCacheNone MetadataBuilder Metadata DecimalPrecision"
              + " Complete NamePlaceholder WindowSpecReference");

  private static final Set<String> FUNCTIONS =
      words(
          // Of whole groups of rows.
          "count sum avg mean min max any every some bool_and bool_or count_if first first_value last last_value"
              + " any_value max_by min_by median mode percentile approx_percentile percentile_approx stddev stddev_pop"
              + " stddev_samp std variance var_pop var_samp approx_count_distinct corr covar_pop covar_samp grouping"
              + " grouping_id percentile_cont percentile_disc bit_and bit_or bit_xor try_sum try_avg skewness kurtosis regr_slope regr_intercept regr_r2 regr_count"
              // Over windows.
              + " row_number rank dense_rank percent_rank cume_dist ntile lag lead nth_value"
              // Conditions.
              + " coalesce nvl nvl2 nullif ifnull nullifzero zeroifnull if isnull isnotnull isnan nanvl greatest least"
              // Numbers.
              + " between abs ceil ceiling floor round bround sign signum sqrt cbrt exp ln log log10 log2 power pow mod pmod"
              + " try_add try_subtract try_multiply try_divide try_mod div width_bucket"
              + " pi e sin cos tan cot asin acos atan atan2 sinh cosh tanh radians degrees log1p expm1 rint hypot positive"
              + " negative shiftleft shiftright bit_count conv bin hex crc32 md5 sha1 sha sha2"
              // Text.
              + " lower lcase upper ucase initcap trim btrim ltrim rtrim length len char_length character_length"
              + " substring substr left right concat concat_ws startswith endswith contains position locate instr"
              + " replace ascii format_number to_number try_to_number to_char"
              + " lpad rpad repeat space reverse translate split_part substring_index chr char octet_length bit_length"
              + " find_in_set elt soundex equal_null decode"
              // Days and times.
              + " date day dayofmonth dayofweek dayofyear weekday weekofyear week month quarter year yearofweek hour"
              + " minute second extract date_part datepart date_trunc trunc date_add dateadd date_sub date_diff datediff"
              + " add_months months_between last_day next_day make_date current_date curdate current_timestamp now"
              + " date_format dayname monthname to_date try_to_date to_timestamp try_to_timestamp timestamp"
              + " unix_timestamp from_unixtime unix_seconds timestampadd timestampdiff make_interval make_ym_interval"
              + " make_dt_interval localtimestamp make_timestamp from_utc_timestamp to_utc_timestamp convert_timezone"
              + " unix_date date_from_unix_date timestamp_seconds timestamp_millis timestamp_micros unix_millis unix_micros"
              // Types.
              + " bigint boolean decimal double float int smallint string tinyint"
              // Functions that clients call about their session.
              + " current_catalog current_database current_schema current_timezone current_user session_user user"
              + " version typeof");

  private int nodes;

  private static Set<String> words(String list) {
    return Set.of(list.split(" "));
  }

  /** Throws {@link Refused} for the first part that is not allowed. */
  void check(Object plan) {
    check(plan, 0);
  }

  private void check(Object part, int depth) {
    if (depth > DEEPEST || ++nodes > LARGEST) {
      throw Refused.costly("a statement so deep or large");
    }
    if (part instanceof TreeNode<?> node) {
      checkNode(node);
      checkAll(node.productIterator(), depth);
    } else if (part instanceof scala.collection.Iterable<?> several) {
      checkAll(several.iterator(), depth);
    } else if (part instanceof Option<?> perhaps) {
      checkAll(perhaps.iterator(), depth);
    } else if (part instanceof Product several && several.getClass().getName().startsWith("scala.Tuple")) {
      checkAll(several.productIterator(), depth);
    } else {
      checkValue(part);
    }
  }

  private void checkAll(Iterator<?> parts, int depth) {
    while (parts.hasNext()) {
      check(parts.next(), depth + 1);
    }
  }

  private static void checkNode(TreeNode<?> node) {
    String name = name(node);
    boolean known = QUERIES.contains(name) || EXPRESSIONS.contains(name) || COMMANDS.contains(name);
    if (!known || !node.getClass().getName().startsWith("org.apache.spark.sql.")) {
      throw new Refused("this kind of statement or expression", name);
    }
    if (node instanceof UnresolvedRelation relation) {
      checkRelation(relation);
    } else if (node instanceof UnresolvedFunction function) {
      checkFunction(function);
    } else if (node instanceof UnresolvedTableOrView table) {
      Views.check(table.multipartIdentifier());
    } else if (node instanceof UnresolvedNamespace namespace) {
      Views.checkDatabase(namespace.multipartIdentifier());
    } else if (node instanceof SetNamespaceCommand use) {
      Views.checkDatabase(use.namespace());
    } else if (node instanceof DescribeRelation described && (described.isExtended() || !described.partitionSpec().isEmpty())) {
      throw new Refused("an extended description", null);
    } else if (node instanceof UnresolvedWith with && with.allowRecursion()) {
      throw new Refused("recursion", null);
    }
  }

  private static void checkRelation(UnresolvedRelation relation) {
    if (relation.isStreaming() || !relation.options().isEmpty()) {
      throw new Refused("a stream or option of a table", null);
    }
    Views.check(relation.multipartIdentifier());
  }

  private static void checkFunction(UnresolvedFunction function) {
    Seq<String> name = function.nameParts();
    if (name.size() != 1 || !FUNCTIONS.contains(name.head().toLowerCase(Locale.ROOT))) {
      throw new Refused("the function", name.mkString("."));
    }
  }

  private static void checkValue(Object value) {
    boolean plain =
        value == null
            || value instanceof String
            || value instanceof Number
            || value instanceof Boolean
            || value instanceof Character
            || value instanceof byte[]
            || value instanceof DataType
            || value instanceof org.apache.spark.sql.util.CaseInsensitiveStringMap; // judged with its relation
    if (!plain && !PARTS.contains(name(value))) {
      throw new Refused("this part of a statement", name(value));
    }
  }

  private static String name(Object value) {
    Class<?> named = value.getClass();
    while (named.isAnonymousClass()) { // Spark's own variations of an expression: `is unknown`
      named = named.getSuperclass();
    }
    String name = named.getSimpleName();
    return name.endsWith("$") ? name.substring(0, name.length() - 1) : name;
  }
}
