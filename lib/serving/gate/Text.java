package lakehouse.gate;

import org.antlr.v4.runtime.CharStreams;
import org.antlr.v4.runtime.Token;
import org.apache.spark.sql.catalyst.parser.SqlBaseLexer;
import org.apache.spark.sql.catalyst.parser.UpperCaseCharStream;

/**
 * The size of a statement's text: checked in one pass, before Spark's parser sees it. Only the length of quoted texts
 * and comments counts. Spark's own lexer finds them; it is linear, except for comments in comments, so these are
 * counted first.
 */
final class Text {
  private static final int LONGEST = 100_000;
  private static final int COMMENTS = 200;
  private static final int COMMENT_DEPTH = 4;
  private static final int TOKENS = 20_000;
  private static final int DEPTH = 50;
  private static final int SIGNS = 20; // not not not, - - -
  private static final int OPERATORS = 500;
  private static final int QUERIES = 100;
  private static final int JOINS = 30;
  private static final int CHOICES = 500;

  private int tokens;
  private int depth;
  private int signs;
  private int operators;
  private int queries;
  private int joins;
  private int choices;

  /** Throws {@link Refused} for the first limit that the text exceeds. */
  static void check(String text) {
    atMost(LONGEST, text.length(), "a statement longer than " + LONGEST + " characters");
    new Comments(text).check();
    SqlBaseLexer lexer = new SqlBaseLexer(new UpperCaseCharStream(CharStreams.fromString(text)));
    lexer.removeErrorListeners();
    Text sizes = new Text();
    for (Token token = lexer.nextToken(); token.getType() != Token.EOF; token = lexer.nextToken()) {
      if (token.getChannel() == Token.DEFAULT_CHANNEL) {
        sizes.count(token.getType());
      }
    }
  }

  private void count(int type) {
    atMost(TOKENS, ++tokens, "a statement of more than " + TOKENS + " words and signs");
    signs = isSign(type) ? signs + 1 : 0;
    atMost(SIGNS, signs, "a chain of more than " + SIGNS + " signs");
    switch (type) {
      case SqlBaseLexer.LEFT_PAREN, SqlBaseLexer.LEFT_BRACKET, SqlBaseLexer.CASE -> depth++;
      case SqlBaseLexer.RIGHT_PAREN, SqlBaseLexer.RIGHT_BRACKET, SqlBaseLexer.END -> depth = Math.max(0, depth - 1);
      case SqlBaseLexer.SELECT, SqlBaseLexer.FROM, SqlBaseLexer.TABLE, SqlBaseLexer.VALUES -> queries++;
      case SqlBaseLexer.JOIN -> joins++;
      case SqlBaseLexer.WHEN -> choices++;
      case SqlBaseLexer.PLUS, SqlBaseLexer.MINUS, SqlBaseLexer.ASTERISK, SqlBaseLexer.SLASH, SqlBaseLexer.PERCENT,
          SqlBaseLexer.DIV, SqlBaseLexer.CONCAT_PIPE, SqlBaseLexer.AMPERSAND, SqlBaseLexer.PIPE, SqlBaseLexer.HAT,
          SqlBaseLexer.DOUBLE_COLON ->
          operators++;
      default -> {}
    }
    atMost(DEPTH, depth, "a statement nested deeper than " + DEPTH);
    atMost(OPERATORS, operators, "a statement of more than " + OPERATORS + " operators");
    atMost(2 * QUERIES, queries, "a statement of more than " + QUERIES + " queries");
    atMost(JOINS, joins, "a statement of more than " + JOINS + " joins");
    atMost(CHOICES, choices, "a statement of more than " + CHOICES + " choices (when)");
  }

  private static boolean isSign(int type) {
    return switch (type) {
      case SqlBaseLexer.NOT, SqlBaseLexer.BANG, SqlBaseLexer.PLUS, SqlBaseLexer.MINUS, SqlBaseLexer.TILDE -> true;
      default -> false;
    };
  }

  static void atMost(double limit, double size, String kind) {
    if (!(size <= limit)) {
      throw Refused.costly(kind);
    }
  }

  /** Counts the beginnings of comments. Quotes have no meaning inside comments, nor comments inside quotes. */
  private static final class Comments {
    private final String text;
    private int at;
    private int found;

    Comments(String text) {
      this.text = text;
    }

    void check() {
      while (at < text.length()) {
        char letter = text.charAt(at);
        if (letter == '\'' || letter == '"' || letter == '`') {
          quoted(letter, letter != '`' && !raw());
        } else if (text.startsWith("--", at)) {
          line();
        } else if (text.startsWith("/*", at) && !text.startsWith("/*+", at)) {
          comment();
        } else {
          at++;
        }
      }
    }

    private boolean raw() {
      boolean marked = at > 0 && (text.charAt(at - 1) == 'r' || text.charAt(at - 1) == 'R');
      return marked && (at == 1 || !Character.isLetterOrDigit(text.charAt(at - 2)) && text.charAt(at - 2) != '_');
    }

    private void quoted(char quote, boolean escapes) {
      for (at++; at < text.length() && text.charAt(at) != quote; at++) {
        if (escapes && text.charAt(at) == '\\') {
          at++;
        }
      }
      at++;
    }

    private void line() {
      while (at < text.length() && (text.charAt(at) != '\n' || text.charAt(at - 1) == '\\')) {
        at++;
      }
    }

    private void comment() {
      int depth = 0;
      do {
        if (text.startsWith("/*", at)) {
          atMost(COMMENT_DEPTH, ++depth, "a comment nested deeper than " + COMMENT_DEPTH);
          atMost(COMMENTS, ++found, "a statement of more than " + COMMENTS + " comments");
          at += 2;
        } else if (text.startsWith("*/", at)) {
          depth--;
          at += 2;
        } else {
          at++;
        }
      } while (depth > 0 && at < text.length());
    }
  }
}
