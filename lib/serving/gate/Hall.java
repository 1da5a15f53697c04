package lakehouse.gate;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.thrift.transport.TSaslServerTransport;
import org.apache.thrift.transport.TServerSocket;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransport;
import org.apache.thrift.transport.TTransportException;
import org.apache.thrift.transport.TTransportFactory;

/**
 * Connections wait here until they have logged in: for some seconds, and only a few of one address. If there are too
 * many, the one that has kept this server waiting longest is closed: a client that really logs in sends everything at
 * once.
 */
final class Hall extends TServerSocket {
  private static final long LOGIN = TimeUnit.SECONDS.toNanos(10);
  private static final int OF_ONE_ADDRESS = 50;
  private static final int OF_ALL = 200;
  private static final int WORKED_ON = 2; // the same number again may have sent everything and wait for this server
  private static final int BACKLOG = 200;
  private static final int TICK_MS = 500;

  private final Set<Visitor> waiting = new LinkedHashSet<>();
  private final Set<Visitor> inside = ConcurrentHashMap.newKeySet();

  Hall(InetSocketAddress address) throws TTransportException {
    super((ServerSocketTransportArgs) new ServerSocketTransportArgs().bindAddr(address).backlog(BACKLOG));
    Thread clock = new Thread(this::look, "logins' time");
    clock.setDaemon(true);
    clock.start();
  }

  @Override
  public TSocket accept() throws TTransportException {
    try {
      Visitor visitor = new Visitor(getServerSocket().accept(), this);
      for (Visitor tooMany : enters(visitor)) {
        tooMany.close();
      }
      return visitor;
    } catch (IOException closed) {
      throw new TTransportException(closed);
    }
  }

  private synchronized List<Visitor> enters(Visitor visitor) {
    waiting.add(visitor);
    List<Visitor> leaving = new ArrayList<>();
    if (of(visitor.from).count() > OF_ONE_ADDRESS) {
      leaving.addAll(longest(visitor.from, OF_ONE_ADDRESS));
    } else if (waiting.size() > OF_ALL) {
      leaving.addAll(longest(commonest(), OF_ALL));
    }
    waiting.removeAll(leaving);
    return leaving;
  }

  private Stream<Visitor> of(String address) {
    return waiting.stream().filter(visitor -> visitor.from.equals(address));
  }

  /** The one to close; none while all have sent data that this server has not read, unless there are far too many. */
  private List<Visitor> longest(String address, int limit) {
    Optional<Visitor> idle = of(address).filter(Visitor::keepsWaiting).findFirst();
    boolean crowded = of(address).count() > WORKED_ON * limit;
    return idle.or(() -> crowded ? of(address).findFirst() : Optional.empty()).stream().toList();
  }

  private String commonest() {
    Map<String, Integer> counts = new HashMap<>();
    waiting.forEach(visitor -> counts.merge(visitor.from, 1, Integer::sum));
    return counts.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
  }

  /** It has sent name and password completely: from here on {@link Login} limits the time. */
  synchronized void asks(Visitor visitor) {
    waiting.remove(visitor);
  }

  void leaves(Visitor visitor) {
    asks(visitor);
    inside.remove(visitor);
  }

  Collection<Visitor> inside() {
    return inside;
  }

  private void look() {
    try {
      while (true) {
        Thread.sleep(TICK_MS);
        overdue().forEach(Visitor::close);
      }
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized List<Visitor> overdue() {
    long now = System.nanoTime();
    return waiting.stream().filter(visitor -> now - visitor.since > LOGIN).toList();
  }

  /** Accepts clients that pass Thrift's own login, with a limited number of connections for each user. */
  final class Entrance extends TTransportFactory {
    private final TTransportFactory login;
    private final Limit limit;

    Entrance(TTransportFactory login, Limit limit) {
      this.login = login;
      this.limit = limit;
    }

    @Override
    public TTransport getTransport(TTransport base) throws TTransportException {
      Visitor visitor = (Visitor) base;
      if (visitor.user() != null) { // called once for each direction
        return login.getTransport(base);
      }
      visitor.begin();
      TTransport transport = login.getTransport(base);
      String user = ((TSaslServerTransport) transport).getSaslServer().getAuthorizationID();
      asks(visitor);
      admit(visitor, user);
      return transport;
    }

    private void admit(Visitor visitor, String user) throws TTransportException {
      synchronized (inside) {
        if (inside.stream().filter(other -> user.equals(other.user())).count() >= limit.of(user)) {
          throw new TTransportException("Too many connections of one user.");
        }
        visitor.isIn(user);
        inside.add(visitor);
      }
    }
  }

  /** How many connections a user may have. */
  interface Limit {
    int of(String user);
  }
}
