package lakehouse.gate;

/** A statement that the gate refuses. The message names the refused part; the journal gets only the kind. */
public final class Refused extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final int SHOWN = 60;

  final String kind;
  final boolean costly; // it was refused for its size or its time

  Refused(String kind, String name) {
    super("Refused: " + kind + (name == null ? "" : " '" + shortened(name) + "'") + " is not allowed here.");
    this.kind = kind;
    this.costly = false;
  }

  private Refused(String kind) {
    super("Refused: " + kind + " is not allowed here.");
    this.kind = kind;
    this.costly = true;
  }

  static Refused costly(String kind) {
    return new Refused(kind);
  }

  Refused(String kind, String name, String remedy) {
    super("Refused: " + kind + " '" + shortened(name) + "' is not allowed here. " + remedy);
    this.kind = kind;
    this.costly = false;
  }

  private static String shortened(String name) {
    return name.length() > SHOWN ? name.substring(0, SHOWN) + "..." : name;
  }

  @Override
  public String toString() { // clients see this text: no class name before it
    return getMessage();
  }
}
