package lakehouse.gate;

import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.hive.service.cli.SessionHandle;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransportException;

/**
 * One connection. Before its login it may send only small messages, afterwards frames of up to a megabyte: Thrift
 * allocates memory for any declared length. It also notices if its client disconnects while a statement runs.
 */
final class Visitor extends TSocket {
  private static final int LARGEST_LOGIN = 16 * 1024;
  private static final int LARGEST_FRAME = 1024 * 1024;
  private static final ThreadLocal<Visitor> HERE = new ThreadLocal<>();

  final long since = System.nanoTime();
  final Set<SessionHandle> sessions = ConcurrentHashMap.newKeySet();
  final String from;
  private final Hall hall;
  private final ReentrantLock reading = new ReentrantLock();
  private volatile Thread handler;
  private volatile String user;
  private volatile boolean asksForMore;
  private boolean lengthIsNext = true;
  private int ahead = -1;

  Visitor(Socket socket, Hall hall) throws TTransportException {
    super(socket);
    this.hall = hall;
    this.from = network(socket.getInetAddress());
  }

  /** The address; of an IPv6 address only the half that belongs to one customer's line. */
  private static String network(InetAddress address) {
    byte[] bytes = address.getAddress();
    return address instanceof Inet6Address ? HexFormat.of().formatHex(bytes, 0, 8) : address.getHostAddress();
  }

  /** The connection that this thread works for, if any. */
  static Visitor here() {
    return HERE.get();
  }

  static String address() {
    Visitor visitor = HERE.get();
    return visitor == null ? "here" : visitor.from;
  }

  /** This thread works for it from now on. */
  void begin() {
    handler = Thread.currentThread();
    HERE.set(this);
  }

  /** Its login is complete: the hall no longer waits for it. */
  void asks() {
    hall.asks(this);
  }

  String user() {
    return user;
  }

  void isIn(String name) {
    user = name;
  }

  /** Thrift reads a length, then this number of bytes; a status comes first during the login, but not afterwards. */
  @Override
  public int readAll(byte[] bytes, int offset, int length) throws TTransportException {
    int count = super.readAll(bytes, offset, length);
    if (lengthIsNext && !fits(bytes, offset)) {
      throw new TTransportException("The message is too large.");
    }
    lengthIsNext = !lengthIsNext;
    return count;
  }

  private boolean fits(byte[] bytes, int at) {
    return user == null ? length(bytes, at + 1) <= LARGEST_LOGIN : length(bytes, at) <= LARGEST_FRAME;
  }

  private static long length(byte[] bytes, int at) {
    return ByteBuffer.wrap(bytes, at, Integer.BYTES).getInt() & 0xFFFFFFFFL;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws TTransportException {
    reading.lock();
    try {
      if (ahead < 0 || length == 0) {
        asksForMore = true;
        return super.read(bytes, offset, length);
      }
      bytes[offset] = (byte) ahead;
      ahead = -1;
      return 1;
    } finally {
      asksForMore = false;
      reading.unlock();
    }
  }

  /** Whether the server waits for its client: all data that the client has sent has been read. */
  boolean keepsWaiting() {
    try {
      return asksForMore && getSocket().getInputStream().available() == 0;
    } catch (IOException closed) {
      return true;
    }
  }

  /** Whether the client has closed its end, while this server is not reading from it. */
  boolean hasGone() {
    if (!reading.tryLock()) {
      return false; // the handler waits for the next request, and will notice the end itself
    }
    try {
      return ahead < 0 && endsNow();
    } finally {
      reading.unlock();
    }
  }

  private boolean endsNow() {
    try {
      getSocket().setSoTimeout(1);
      ahead = inputStream_.read();
      return ahead < 0;
    } catch (SocketTimeoutException waits) {
      return false;
    } catch (IOException closed) {
      return true;
    } finally {
      setSocketTimeout(0);
    }
  }

  /** Ends its statement; the caller closes its sessions. */
  void endStatement() {
    Thread at = handler;
    if (at != null) {
      Deadline.end(at);
    }
  }

  @Override
  public void close() {
    super.close();
    if (hall != null) {
      hall.leaves(this);
    }
    if (HERE.get() == this) {
      HERE.remove();
    }
  }
}
