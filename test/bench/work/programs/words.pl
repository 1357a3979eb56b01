use strict;
my (%count, $swapped);
my $lines = 0;
while (<STDIN>) {
  last if ++$lines > 16000;
  $count{$1}++ while /([a-z]+)/g;
  s/(\w+)ing\b/ing$1/g;
  $swapped += length;
  $swapped += tr/aeiou//;
}
my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print "$_ $count{$_}\n" for @top[0 .. 40];
print "$swapped\n";
